import { expect, test } from 'vitest'
import type { ValidatingAdmissionPolicy } from '../../api/generated/types/admissionregistration-v1.ts'
import { gvkSchema } from '../../api/schema/builtin.ts'
import { checkTypes } from './type-check.ts'

const types = {
  kindOf: (group: string, _version: string, resource: string) => (group === 'apps' && resource === 'deployments' ? 'Deployment' : undefined),
  schemaOf: ({ group, version, kind }: { group: string; version: string; kind: string }) => gvkSchema(group, version, kind),
}

function warnings(spec: Partial<NonNullable<ValidatingAdmissionPolicy['spec']>>): { fieldRef?: string; warning?: string }[] {
  return checkTypes({
    spec: { matchConstraints: { resourceRules: [{ apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments', 'deployments/scale', 'others'] }] }, ...spec },
  } as ValidatingAdmissionPolicy, types)
}

test('expressions are checked against the types of what they are about', () => {
  expect(warnings({ validations: [{ expression: 'object.spec.replicas > 1', messageExpression: '"x"' }] })).toEqual([])
  const found = warnings({ validations: [{ expression: "object.spec.replicas > '1'", messageExpression: "'got ' + object.spec.replicas" }] })
  expect(found.map(({ fieldRef }) => fieldRef)).toEqual(['spec.validations[0].expression', 'spec.validations[0].messageExpression'])
  expect(found[0]!.warning).toBe("apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for '_>_' applied to '(int, string)'\n"
    + " | object.spec.replicas > '1'\n | .....................^\n")
  expect(found[1]!.warning).toContain("found no matching overload for '_+_' applied to '(string, int)'")
})

test('variables and parameters have types too', () => {
  const variables = [{ name: 'labels', expression: 'object.metadata.labels' }]
  expect(warnings({ variables, validations: [{ expression: "variables.labels['a'] == 'b' && object.metadata.name != ''" }] })).toEqual([])
  expect(warnings({ variables, validations: [{ expression: 'variables.labels == 5' }] })).toHaveLength(1)
  expect(warnings({ paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, validations: [{ expression: 'params.data.x == 1' }] })).toHaveLength(1)
})
