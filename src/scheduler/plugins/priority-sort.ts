import type { PluginDefinition } from '../framework.ts'

/** The more important first, then whoever waits longer. */
export const prioritySort: PluginDefinition = {
  name: 'PrioritySort',
  create: () => ({
    name: 'PrioritySort',
    less: (a, b) => a.priority > b.priority || (a.priority === b.priority && a.timestamp < b.timestamp),
  }),
}
