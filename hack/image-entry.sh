#!/bin/sh
# First process of the container image. Without a subcommand it runs a cluster in the foreground: real nodes where the container
# is privileged, else simulated ones. "docker run coxswain --nodes 3" passes options of "coxswain up"; "docker run coxswain
# apiserver ..." runs a component.
case ${1:-} in
''|-*)
  caps=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
  # CAP_NET_ADMIN is bit 12, CAP_SYS_ADMIN bit 21.
  if [ $(( (0x$caps >> 12) & (0x$caps >> 21) & 1 )) = 1 ]; then
    # What pods mount with propagation must reach the nodes.
    mount --make-rshared /
    # cgroup v2 wants no process in a group whose children are controlled.
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
      mkdir -p /sys/fs/cgroup/init
      while read -r pid; do echo "$pid" >/sys/fs/cgroup/init/cgroup.procs; done </sys/fs/cgroup/cgroup.procs 2>/dev/null
    fi
    kind=
  else
    kind=--simulate
  fi
  set -- up --foreground --bind-address 0.0.0.0 --kubeconfig "$KUBECONFIG" $kind "$@"
  ;;
esac
# A shell stays process 1: it reaps what pods leave behind.
child=
trap '[ -n "$child" ] && kill -TERM "$child"' TERM INT
coxswain "$@" &
child=$!
code=0
while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
exit "$code"
