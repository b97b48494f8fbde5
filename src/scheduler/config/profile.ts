/** From a profile of the configuration to its plugins at each extension point (upstream: default_plugins.go, framework/runtime). */
import type { Handle, PluginDefinition, SchedulerPlugin } from '../framework.ts'
import type { PluginLists, WeightedPlugin } from '../plugin-lists.ts'
import { type ExtensionPoint, type PluginRef, type PluginSet, SchedulerConfigError, type SchedulerProfile, extensionPoints } from './types.ts'

export interface KnownPlugin {
  readonly definition: PluginDefinition
  /** In the default profile; 0: the default weight. undefined: not part of it. */
  readonly weight: number | undefined
}

/** The hook that makes a plugin part of an extension point. */
const hooks: Readonly<Record<ExtensionPoint, readonly (keyof SchedulerPlugin)[]>> = {
  preEnqueue: ['preEnqueue'], queueSort: ['less'], preFilter: ['preFilter'], filter: ['filter'], postFilter: ['postFilter'], preScore: ['preScore'],
  score: ['score'], reserve: ['reserve', 'unreserve'], permit: ['permit'], preBind: ['preBind'], bind: ['bind'], postBind: ['postBind'],
  placementGenerate: ['generatePlacements'], placementScore: ['scorePlacement'],
}

/** Custom sets over the defaults: disabled ones go, enabled ones replace theirs in place or follow. */
export function mergePluginSets(defaults: PluginSet, custom: PluginSet | undefined): PluginSet {
  const disabled = [...(custom?.disabled ?? []), ...(defaults.disabled ?? [])]
  const off = new Set(disabled.map(({ name }) => name))
  const customEnabled = custom?.enabled ?? []
  const byName = new Map(customEnabled.map((ref) => [ref.name, ref]))
  const enabled = off.has('*') ? [] : (defaults.enabled ?? []).filter(({ name }) => !off.has(name)).map((ref) => byName.get(ref.name) ?? ref)
  const replaced = new Set(enabled.map(({ name }) => name))
  return { enabled: [...enabled, ...customEnabled.filter(({ name }) => !replaced.has(name))], disabled }
}

/** The plugins of a profile, created over the handle, by extension point. */
export function createPlugins(profile: SchedulerProfile, known: readonly KnownPlugin[], handle: Handle): PluginLists {
  const defaults: PluginRef[] = known.filter(({ weight }) => weight !== undefined)
    .map(({ definition, weight }) => ({ name: definition.name, ...(weight === 0 ? {} : { weight }) }))
  const multiPoint = mergePluginSets({ enabled: defaults }, profile.plugins?.multiPoint)
  const args = new Map((profile.pluginConfig ?? []).map((entry) => [entry.name, entry.args ?? {}]))
  const created = new Map<string, SchedulerPlugin>()
  const pluginOf = (name: string): SchedulerPlugin => {
    let plugin = created.get(name)
    if (plugin !== undefined) return plugin
    const definition = known.find((entry) => entry.definition.name === name)?.definition
    if (definition === undefined) throw new SchedulerConfigError(`initializing profiles: creating profile for scheduler name ${profile.schedulerName}: plugin "${name}" does not exist`)
    created.set(name, (plugin = definition.create(args.get(name) ?? {}, handle)))
    return plugin
  }
  const lists = {} as Record<ExtensionPoint, SchedulerPlugin[]>
  for (const point of extensionPoints) lists[point] = pointPlugins(point, profile.plugins?.[point] ?? {}, multiPoint.enabled!, pluginOf)
  if (lists.queueSort.length !== 1) throw new SchedulerConfigError(lists.queueSort.length === 0
    ? `no queue sort plugin is enabled for profile with scheduler name "${profile.schedulerName}"`
    : 'only one queue sort plugin can be enabled')
  if (lists.bind.length === 0) throw new SchedulerConfigError('at least one bind plugin is needed')
  if (lists.placementGenerate.length > 1) {
    throw new SchedulerConfigError(`at most one placement generate plugin is allowed for profile with scheduler name "${profile.schedulerName}"`)
  }
  const weighted = (point: 'score' | 'placementScore'): WeightedPlugin[] => {
    const weights = new Map<string, number>()
    for (const { name, weight } of [...multiPoint.enabled!, ...(profile.plugins?.[point]?.enabled ?? [])]) if (weight !== undefined && weight !== 0) weights.set(name, weight)
    return lists[point].map((plugin) => ({ plugin, weight: weights.get(plugin.name) ?? 1 }))
  }
  return { ...lists, score: weighted('score'), placementScore: weighted('placementScore') }
}

/** Those named for this very point that also came by multiPoint go first, then multiPoint's, then the rest. */
function pointPlugins(point: ExtensionPoint, set: PluginSet, multiPoint: readonly PluginRef[], pluginOf: (name: string) => SchedulerPlugin): SchedulerPlugin[] {
  const implementsPoint = (plugin: SchedulerPlugin) => hooks[point].some((hook) => plugin[hook] !== undefined)
  const own = set.enabled ?? []
  const names = new Set<string>()
  for (const { name } of own) {
    if (!implementsPoint(pluginOf(name))) throw new SchedulerConfigError(`plugin "${name}" does not extend ${point} plugin`)
    if (names.has(name)) throw new SchedulerConfigError(`plugin "${name}" already registered as "${point}"`)
    names.add(name)
  }
  const off = new Set((set.disabled ?? []).map(({ name }) => name))
  if (off.has('*')) return own.map(({ name }) => pluginOf(name))
  const general = multiPoint.filter(({ name }) => !off.has(name) && implementsPoint(pluginOf(name))).map(({ name }) => name)
  const overriding = own.filter(({ name }) => general.includes(name)).map(({ name }) => name)
  const rest = own.filter(({ name }) => !general.includes(name)).map(({ name }) => name)
  return [...overriding, ...general.filter((name) => !names.has(name)), ...rest].map(pluginOf)
}
