import { describe, expect, test } from 'vitest'
import { type Flag, UsageError, parseFlags, parseGoDuration } from './command.ts'

const flags: readonly Flag[] = [
  { name: 'secure-port', type: 'int', default: 6443, help: '' },
  { name: 'etcd-servers', type: 'list', help: '' },
  { name: 'feature-gates', type: 'map', help: '' },
  { name: 'leader-elect', type: 'bool', default: true, help: '' },
  { name: 'v', short: 'v', type: 'int', help: '' },
  { name: 'sync-period', type: 'duration', help: '' },
  { name: 'insecure-port', type: 'int', help: '', effect: 'refused', reason: 'there is no insecure port' },
]

describe('parseFlags', () => {
  test('reads every form that pflag reads', () => {
    const { values, args } = parseFlags(flags, [
      '--secure_port=1', '--etcd-servers', 'a,b', '--etcd-servers=c', '--feature-gates=A=true,B=false', '--leader-elect=false',
      '-v=4', '--sync-period=1m30s', 'file', '--', '--not-a-flag',
    ])
    expect(values.number('secure-port')).toBe(1)
    expect(values.list('etcd-servers')).toEqual(['a', 'b', 'c'])
    expect(values.map('feature-gates')).toEqual({ A: 'true', B: 'false' })
    expect(values.bool('leader-elect')).toBe(false)
    expect(values.number('v')).toBe(4)
    expect(values.number('sync-period')).toBe(90_000)
    expect(args).toEqual(['file', '--not-a-flag'])
    expect(values.given('v')).toBe(true)
  })

  test.each([
    [['--nope'], 'unknown flag: --nope'],
    [['-x'], "unknown shorthand flag: 'x' in -x"],
    [['--secure-port'], 'flag needs an argument: --secure-port'],
    [['--secure-port=x'], 'invalid argument "x" for "--secure-port" flag: strconv.ParseInt: parsing "x": invalid syntax'],
    [['--insecure-port=1'], 'flag --insecure-port is not supported: there is no insecure port'],
  ])('refuses %j', (words, message) => {
    expect(() => parseFlags(flags, words)).toThrow(new UsageError(message))
  })
})

test.each([['1h2m3.5s', 3_723_500], ['0', 0], ['-5ms', -5], ['5', undefined], ['', undefined], ['1d', undefined]])('parseGoDuration(%j) = %j', (text, ms) => {
  expect(parseGoDuration(text)).toBe(ms)
})
