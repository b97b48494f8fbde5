import { describe, expect, test } from 'vitest'
import { kubeletTarget, podTarget, serviceTarget, splitSchemeNamePort } from './locate.ts'
import { rewriteLocation } from './forward.ts'
import { rewriteHtml } from './html.ts'

test.each([
  ['web', { scheme: 'http', name: 'web', port: '' }], ['web:80', { scheme: 'http', name: 'web', port: '80' }],
  ['https:web:443', { scheme: 'https', name: 'web', port: '443' }], [':web:http', { scheme: 'http', name: 'web', port: 'http' }],
  ['ftp:web:1', undefined], ['a:b:c:d', undefined], ['', undefined], [':', undefined],
])('%j names a target', (id, expected) => {
  expect(splitSchemeNamePort(id)).toEqual(expected)
})

test('kubelets are reached at the best address and the port that they told', () => {
  const settings = { tls: {}, addressTypes: ['InternalIP', 'Hostname'] }
  const addresses = [{ type: 'Hostname', address: 'n' }, { type: 'InternalIP', address: '10.0.0.1' }]
  expect(kubeletTarget({ metadata: {}, status: { addresses } }, settings, '/x', '')).toMatchObject({ host: '10.0.0.1', port: 10250, scheme: 'https' })
  expect(kubeletTarget({ metadata: {}, status: { addresses: addresses.slice(0, 1), daemonEndpoints: { kubeletEndpoint: { Port: 1 } } } }, settings, '/x', '')).toMatchObject({ host: 'n', port: 1 })
  expect(() => kubeletTarget({ metadata: {}, status: {} }, settings, '/x', '')).toThrow(/no preferred addresses found/)
})

describe('pods and services', () => {
  const pod = (ip: string) => ({ metadata: {}, spec: { containers: [{ name: 'c', ports: [{ containerPort: 8080 }] }] }, status: { podIPs: [{ ip }] } })
  test('a pod\'s first port counts when none is named', () => {
    expect(podTarget(pod('10.1.0.1'), 'http', '', '/', '')).toMatchObject({ host: '10.1.0.1', port: 8080 })
    expect(podTarget(pod('fd00::1'), 'https', '444', '/', '')).toMatchObject({ host: 'fd00::1', port: 444 })
    for (const ip of ['127.0.0.1', '169.254.169.254', '::1', '']) expect(() => podTarget(pod(ip), 'http', '', '/', '')).toThrow('address not allowed')
  })

  const service = { metadata: { name: 's' }, spec: { ports: [{ name: 'web', port: 80 }, { name: 'admin', port: 81 }] } }
  const slices = [{
    metadata: {}, addressType: 'IPv4' as const, ports: [{ name: 'web', port: 8080 }, { name: 'admin', port: 8081 }],
    endpoints: [{ addresses: ['10.1.0.1'], conditions: { ready: true } }, { addresses: ['10.1.0.2'], conditions: { ready: false } }, { addresses: ['10.1.0.3'] }],
  }]
  test('a service\'s port is named or numbered, and only ready endpoints serve', () => {
    expect(serviceTarget(service, slices, 'http', 'web', '/', '', () => 0)).toMatchObject({ host: '10.1.0.1', port: 8080 })
    expect(serviceTarget(service, slices, 'http', '81', '/', '', (count) => count - 1)).toMatchObject({ host: '10.1.0.3', port: 8081 })
    expect(() => serviceTarget(service, slices, 'http', '82', '/', '', () => 0)).toThrow(/no service port 82 found for service "s"/)
    expect(() => serviceTarget(service, [], 'http', 'web', '/', '', () => 0)).toThrow('no endpoints available for service "s"')
  })
})

test('links are led through the proxy, text is left alone', () => {
  const target = { scheme: 'http', host: '10.1.0.1', port: 80, path: '/page/', query: '' } as const
  const rewrite = (link: string) => rewriteLocation(link, target, '/api/v1/p/proxy')
  expect(rewrite('/other?x=1#y')).toBe('/api/v1/p/proxy/other?x=1#y')
  expect(rewrite('http://10.1.0.1:80/abs')).toBe('/api/v1/p/proxy/abs')
  expect(rewrite('https://example.com/')).toBe('https://example.com/')
  expect(rewrite('pic.png')).toBe('pic.png')
  expect(rewriteHtml('<p class="/x">/x</p><A HREF=\'/x?a=1&amp;b=2\'>', rewrite)).toBe('<p class="/x">/x</p><A HREF="/api/v1/p/proxy/x?a=1&amp;b=2">')
})
