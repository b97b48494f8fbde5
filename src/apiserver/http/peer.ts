/** What is known of a connection's other end, worked out once a socket: asking OpenSSL costs more than most requests. */
import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Peer } from './exchange.ts'

const peers = new WeakMap<object, Peer>()

/** `owner` is what lives as long as the connection: the socket, or the HTTP/2 session. */
export function peerOf(owner: object, socket: Socket | TLSSocket): Peer {
  let peer = peers.get(owner)
  if (peer === undefined) peers.set(owner, (peer = createPeer(socket)))
  return peer
}

function createPeer(socket: Socket | TLSSocket): Peer {
  const address = socket.remoteAddress ?? ''
  let chain: readonly X509Certificate[] | undefined
  const certificates = () => (chain ??= certificateChain(socket))
  return {
    address,
    get certificate() {
      return certificates()[0]
    },
    get intermediates() {
      return certificates().slice(1)
    },
    cache: new Map(),
  }
}

const longestChain = 10

function certificateChain(socket: Socket | TLSSocket): X509Certificate[] {
  if (!('getPeerX509Certificate' in socket)) return []
  const chain: X509Certificate[] = []
  let certificate = socket.getPeerX509Certificate()
  while (certificate !== undefined && chain.length < longestChain) {
    chain.push(certificate)
    certificate = certificate.issuerCertificate
  }
  return chain
}
