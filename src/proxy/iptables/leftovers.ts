/** What a proxy in iptables mode leaves behind, and the script that takes it away (upstream: CleanupLeftovers). Pure. */

/** Chains with these names, or names that begin so, are a proxy's. */
const own = /^KUBE-(SERVICES|EXTERNAL-SERVICES|NODEPORTS|POSTROUTING|FORWARD|PROXY-FIREWALL|PROXY-CANARY|MARK-MASQ|(SVC|SVL|SEP|EXT|FW|XLB)-.+)$/

function isProxyChain(name: string): boolean {
  return own.test(name)
}

/** Whether the chain belongs to a Service port or an endpoint, of this version or an older one. */
export function isServiceChain(name: string): boolean {
  return /^KUBE-(SVC|SVL|SEP|EXT|FW|XLB)-/.test(name)
}

/** Input for iptables-restore --noflush that removes the proxy's chains and the rules that lead to them; '' when there are none. */
export function removalScript(saved: string): string {
  const out: string[] = []
  for (const table of saved.split(/^(?=\*)/m).filter((part) => part.startsWith('*'))) {
    const lines = table.split('\n')
    const chains = lines.filter((line) => line.startsWith(':')).map((line) => line.slice(1).split(' ')[0]!).filter(isProxyChain)
    if (chains.length === 0) continue
    const jumps = lines.filter((line) => {
      const match = /^-A (\S+) .*-[jg] (\S+)/.exec(line)
      return match !== null && !isProxyChain(match[1]!) && isProxyChain(match[2]!)
    })
    out.push(lines[0]!, ...jumps.map((line) => line.replace('-A', '-D')), ...chains.map((chain) => `-F ${chain}`), ...chains.map((chain) => `-X ${chain}`), 'COMMIT')
  }
  return out.length === 0 ? '' : `${out.join('\n')}\n`
}
