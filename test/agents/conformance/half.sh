# Runs the program in its arguments, and leaves half of a result where it has written one.
"$@"
printf '{ "outcome": "completed", "summ' > "$SIGNALBOX_RESULT_FILE"
