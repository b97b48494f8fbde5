import data from './validation-tags.json' with { type: 'json' }

/**
 * Tags by definition (without "io.k8s.api.") and field; the type's own under "". "maxItems=16", or with what it hangs
 * on: "alpha:maxItems=16", "ifEnabled(Gate):required", "eachKey:format=k8s-short-name".
 */
export const validationTags = data as unknown as Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
