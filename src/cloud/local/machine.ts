/** What the local cloud asks of the machine it runs on; exec/machine.ts does it with iproute2 and sockets. */

/** A line of a routing table that the local cloud wrote. */
export interface TableRoute {
  /** "10.8.1.0/24", or an address. */
  readonly destination: string
  /** Where it leads to; several share the packets. Empty: nowhere. */
  readonly gateways: readonly string[]
}

/** Which routes are whose: they carry it as their protocol number. */
export type RouteOwner = 'pods' | 'loadBalancers'

export interface Machine {
  /** The routes of that owner, of a network namespace or of the machine itself. */
  routes(owner: RouteOwner, netns: string | undefined, signal: AbortSignal): Promise<readonly TableRoute[]>
  /** Writes the route in the place of one with the same destination. Without gateways packets are refused. */
  setRoute(owner: RouteOwner, route: TableRoute, netns: string | undefined, device: string | undefined, signal: AbortSignal): Promise<void>
  /** Takes the route away; not having it is no failure. */
  deleteRoute(owner: RouteOwner, destination: string, netns: string | undefined, signal: AbortSignal): Promise<void>
  /** Whether there is such a network namespace. */
  hasNetns(name: string): Promise<boolean>
  /** Whether GET http://address:port/healthz answers 200 within a second. */
  isHealthy(address: string, port: number, signal: AbortSignal): Promise<boolean>
}
