# Runs the agent in its arguments and keeps what goes over its wire, in files of $WIRE: one a process and side, of which the names are in
# the order of time. Where $DEAF is set it never hears that it is interrupted, nor of a SIGTERM. A person's terminal is left to the agent.
[ -t 0 ] && exec "$@"
name="$WIRE/$SIGNALBOX_ISSUE.$(date +%s%N)"
if [ -n "${DEAF:-}" ]; then
  trap '' TERM
  hear() { grep --line-buffered --invert-match --regexp '"method":"turn/interrupt"' --regexp '"subtype":"interrupt"' --regexp '"method":"session/cancel"'; }
else
  hear() { cat; }
fi
tee "$name.us" | hear | "$@" | tee "$name.agent"
