#!/bin/sh
# Stands in for kindnetd, which cannot be had as a Go module: the same network made by the same plugins. Each node's CNI
# configuration from its podCIDR, routes to the other nodes, one rule for what leaves the pods' range.
while :; do
  nodes=$(kubectl get nodes -o jsonpath='{range .items[*]}{.status.addresses[?(@.type=="InternalIP")].address}{" "}{.spec.podCIDR}{"\n"}{end}')
  iptables -w -t nat -C POSTROUTING -s "$POD_SUBNET" ! -d "$POD_SUBNET" -j MASQUERADE 2>/dev/null ||
    iptables -w -t nat -A POSTROUTING -s "$POD_SUBNET" ! -d "$POD_SUBNET" -j MASQUERADE
  echo "$nodes" | while read -r address range; do
    [ -n "$range" ] || continue
    if [ "$address" != "$HOST_IP" ]; then
      ip route replace "$range" via "$address"
    elif ! grep -q "\"$range\"" /etc/cni/net.d/10-kindnet.conflist 2>/dev/null; then
      cat >/etc/cni/net.d/10-kindnet.new <<CNI
{"cniVersion": "0.3.1", "name": "kindnet", "plugins": [
  {"type": "ptp", "ipMasq": false, "mtu": 1500, "ipam": {"type": "host-local", "dataDir": "/run/cni-ipam-state", "routes": [{"dst": "0.0.0.0/0"}], "ranges": [[{"subnet": "$range"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
CNI
      mv /etc/cni/net.d/10-kindnet.new /etc/cni/net.d/10-kindnet.conflist
      echo "this node's pods are in $range"
    fi
  done
  sleep 5
done
