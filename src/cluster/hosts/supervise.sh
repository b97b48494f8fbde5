#!/bin/sh
# Keeps one program running: starts it, starts it again when it ends, and ends it on SIGTERM.
# A shell, because it takes 1 MB where a Node process takes 40, and there is one for each program of each node.
# Usage: supervise.sh PIDFILE LOGFILE COMMAND...
# PIDFILE holds "PID STARTTIME" of the program (as in /proc/PID/stat), PIDFILE.supervisor those of this shell.
pidfile=$1 log=$2
shift 2
started() { s=$(cat "/proc/$1/stat" 2>/dev/null) || return 1; s=${s##*) }; set -- $s; echo "${20}"; }
alive() { [ -n "$1" ] && [ "$(started "$1")" = "$2" ]; }
record() { printf '%s %s\n' "$2" "$(started "$2")" >"$1.new" && mv "$1.new" "$1"; }
child='' stop=''
trap 'stop=yes; [ -n "$child" ] && kill -TERM "$child" 2>/dev/null' TERM INT
record "$pidfile.supervisor" $$
# An earlier supervisor may have been killed while its program runs on: watch that one until it ends.
if read -r pid time <"$pidfile" 2>/dev/null && alive "$pid" "$time"; then
  child=$pid
  while alive "$pid" "$time"; do sleep 1 & wait $!; done
fi
delay=0
while [ -z "$stop" ]; do
  [ $delay -gt 0 ] && { sleep $delay & wait $!; }
  [ -n "$stop" ] && break
  [ "$(stat -c %s "$log" 2>/dev/null || echo 0)" -gt 20000000 ] && mv "$log" "$log.1"
  begin=$(date +%s)
  "$@" </dev/null >>"$log" 2>&1 &
  child=$!
  record "$pidfile" $child
  wait $child
  code=$?
  # A signal to this shell ends `wait` early: the program is given its time.
  while [ -d "/proc/$child" ] && kill -0 $child 2>/dev/null; do wait $child; code=$?; done
  child=''
  [ -n "$stop" ] && break
  printf '{"level":"error","name":"supervise","message":"%s ended with code %s, it is started again"}\n' "$(basename "$pidfile" .pid)" $code >>"$log"
  # Programs that die young are started with growing pauses, up to 10 s.
  if [ $(($(date +%s) - begin)) -ge 10 ]; then delay=1; else delay=$((delay < 5 ? delay + 1 : 10)); fi
done
rm -f "$pidfile" "$pidfile.supervisor"
