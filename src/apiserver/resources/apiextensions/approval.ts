/** Upstream's own groups need the word of their owners (apiextensions-apiserver pkg/apihelpers). */
import { goQuote } from '../../../api/meta/go-text.ts'

export const approvalAnnotation = 'api-approved.kubernetes.io'

export type ApprovalState = 'missing' | 'bypassed' | 'approved' | 'invalid'

export const isProtectedGroup = (group: string): boolean => /(^|\.)(k8s|kubernetes)\.io$/.test(group)

/** What the annotation says, and the sentence about it. */
export function approvalOf(annotations: Readonly<Record<string, string>> | undefined): { state: ApprovalState; reason: string } {
  const value = annotations?.[approvalAnnotation] ?? ''
  const needed = `protected groups must have approval annotation ${goQuote(approvalAnnotation)}`
  const see = 'see https://github.com/kubernetes/enhancements/pull/1111'
  if (value === '') return { state: 'missing', reason: `${needed}, ${see}` }
  if (value.startsWith('unapproved')) return { state: 'bypassed', reason: `not approved: ${goQuote(value)}` }
  if (/^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^/?#\s]+/.test(value)) return { state: 'approved', reason: `approved in ${value}` }
  return { state: 'invalid', reason: `${needed} with either a URL or a reason starting with "unapproved", ${see}` }
}
