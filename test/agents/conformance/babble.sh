# Runs the program in its arguments, and writes what is no message before, between and after what it says.
echo 'warning: this is no message'
"$@" | while IFS= read -r line; do
  printf '%s\n' "$line"
  printf '{"half of a mess\n\n[1, 2\n'
done
