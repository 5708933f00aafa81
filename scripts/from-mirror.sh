# shellcheck shell=bash
# Sourced. A mirror that is away for longer than apt tries is often there again a minute later.

# from_mirror TEXT COMMAND…: runs what begins anew each time, five times in some three minutes. What it printed is shown where it
# fails. Not for conditions (`from_mirror … || …`): bash goes on after a failure within the command there.
from_mirror() {
  local text=$1 log try code
  shift
  log=$(mktemp)
  for try in 1 2 3 4 5; do
    set +e
    (set -e; "$@") >"$log" 2>&1
    code=$?
    set -e
    ((code == 0)) && break
    tail -n 20 "$log" >&2
    ((try == 5)) && break
    echo "$text failed, once more in $((15 * try)) s" >&2
    sleep $((15 * try))
  done
  rm "$log"
  ((code == 0)) || { echo "$text failed" >&2; return 1; }
}
