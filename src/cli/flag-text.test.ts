import { expect, test } from 'vitest'
import { type Flag, parseFlags } from './command.ts'

const flags: readonly Flag[] = [
  { name: 'names', type: 'list', help: '' }, { name: 'rules', type: 'array', help: '' }, { name: 'labels', type: 'map', help: '' }, { name: 'period', type: 'duration', default: 60_000, help: '' },
  { name: 'on', type: 'bool', help: '' }, { name: 'count', type: 'int', help: '' }, { name: 'rate', type: 'float', help: '' }, { name: 'file', type: 'string', help: '' },
  { name: 'ranges', type: 'list', shown: 'plain', help: '' }, { name: 'gates', type: 'map', shown: 'gates', help: '' },
]

test('flags that were not given have their defaults, or what Go calls nothing', () => {
  expect(parseFlags(flags, []).values.texts()).toEqual({ names: '[]', rules: '[]', labels: '', period: '1m0s', on: 'false', count: '0', rate: '0', file: '', ranges: '', gates: '', help: 'false' })
})

test('values as pflag prints them', () => {
  const { values } = parseFlags(flags, ['--names=a,b', '--names=c', '--rules=a,"b', '--labels=x=1,a=2', '--period=90s', '--on', '--count=-3', '--rate=0.5', '--file=/x', '--ranges=10.0.0.0/16,fd00::/108', '--gates=B=true,A=false'])
  expect(values.texts()).toMatchObject({ names: '[a,b,c]', rules: '["a,""b"]', labels: 'a=2,x=1', period: '1m30s', on: 'true', count: '-3', rate: '0.5', file: '/x', ranges: '10.0.0.0/16,fd00::/108', gates: ':B=true,:A=false' })
})
