/** Comprehensions (cel-go interpreter/interpretable.go: evalFold). */
import type { Call, Expr, Fold } from '../syntax/ast.ts'
import {
  CelError, CelMap, adapt, isList, isMap, itemsOf, mapGet, mapKey, mapKeys, typeOf, type MapValue,
} from '../values.ts'
import { formatValue } from './format.ts'
import type { Eval, Frame } from './frame.ts'
import type { Plan, Planner } from './plan.ts'

/** Calls `each` for every key and value until it answers false. */
function iterate(range: unknown, two: boolean, each: (first: unknown, second: unknown) => boolean): CelError | undefined {
  if (isList(range)) {
    const items = itemsOf(range)
    for (let i = 0; i < items.length; i++) {
      const item = adapt(items[i])
      if (!(two ? each(i, item) : each(item, undefined))) break
    }
    return undefined
  }
  if (isMap(range)) {
    for (const key of mapKeys(range)) if (!each(key, two ? mapGet(range, key) : undefined)) break
    return undefined
  }
  const goType = goTypeName(range)
  return new CelError(two ? `unsupported comprehension range type: ${goType}` : `got '${goType}', expected iterable type`)
}

const goNames: Readonly<Record<string, string>> = { null_type: 'Null', 'google.protobuf.Duration': 'Duration', 'google.protobuf.Timestamp': 'Timestamp' }

/** A value's type in Go, as some messages tell it. */
export function goTypeName(value: unknown): string {
  const { name } = typeOf(value)
  return `types.${goNames[name] ?? name.charAt(0).toUpperCase() + name.slice(1)}`
}

const isTrue = (expr: Expr): boolean => expr.kind === 'literal' && expr.value === true
const isFalse = (expr: Expr): boolean => expr.kind === 'literal' && expr.value === false

export function planFold(planner: Planner, fold: Fold): Eval {
  const range = planner.plan(fold.range).eval
  const init = planner.plan(fold.init)
  const accu = planner.place()
  if (isFalse(fold.condition)) return planBinding(planner, fold, range, init, accu)
  const [first, second] = [planner.place(), planner.place()]
  const two = fold.iterVar2 !== undefined
  const variables = [{ name: fold.iterVar, slot: first }]
  if (fold.iterVar2 !== undefined) variables.push({ name: fold.iterVar2, slot: second })
  const own = { name: fold.accuVar, slot: accu }
  const loop = planner.bound([own, ...variables], () => ({
    condition: isTrue(fold.condition) ? undefined : planner.plan(fold.condition).eval,
    step: planStep(planner, fold, accu),
  }))
  const result = planner.bound([own], () => planner.plan(fold.result).eval)
  const start = initial(fold, init)
  const { condition, step } = loop
  return (frame) => {
    const values = range(frame)
    if (values instanceof CelError) return values
    frame.vars[accu] = start(frame)
    const failure = iterate(values, two, (key, value) => {
      frame.vars[first] = key
      frame.vars[second] = value
      // An error as condition does not end the loop: a later element may decide.
      if (condition && condition(frame) === false) return false
      frame.vars[accu] = step(frame)
      frame.spend(0)
      return true
    })
    return failure ?? result(frame)
  }
}

/** cel.bind and optMap: the value is found out when first needed. */
function planBinding(planner: Planner, fold: Fold, range: Eval, init: Plan, accu: number): Eval {
  const result = planner.bound([{ name: fold.accuVar, slot: accu, lazy: init.eval }], () => planner.plan(fold.result).eval)
  return (frame) => {
    const values = range(frame)
    if (values instanceof CelError) return values
    frame.vars[accu] = undefined
    return result(frame)
  }
}

/** Empty lists and maps are built up in place, so each loop needs its own. */
function initial(fold: Fold, init: Plan): Eval {
  if (fold.init.kind === 'list' && fold.init.elements.length === 0) return () => []
  if (fold.init.kind === 'map' && fold.init.entries.length === 0) return () => new CelMap()
  return init.eval
}

const isAccumulator = (expr: Expr | undefined, fold: Fold): boolean => expr?.kind === 'ident' && expr.name === fold.accuVar

/** The step; one that adds to the accumulator changes it in place. */
function planStep(planner: Planner, fold: Fold, accu: number): Eval {
  const { step } = fold
  if (step.kind === 'call' && step.fn === '_?_:_') {
    const [test, yes, no] = step.args as [Expr, Expr, Expr]
    const grow = isAccumulator(no, fold) ? planGrowth(planner, fold, yes, accu) : undefined
    if (grow) {
      const condition = planner.plan(test).eval
      return (frame) => {
        const value = condition(frame)
        if (value === true) return grow(frame)
        if (value === false) return frame.vars[accu]
        return value instanceof CelError ? value : new CelError('no such overload')
      }
    }
  }
  return planGrowth(planner, fold, step, accu) ?? planner.plan(step).eval
}

function planGrowth(planner: Planner, fold: Fold, step: Expr, accu: number): Eval | undefined {
  if (step.kind !== 'call' || !isAccumulator(step.args[0], fold)) return undefined
  if (fold.init.kind === 'list' && fold.init.elements.length === 0) return planAppend(planner, step, accu)
  if (step.fn === 'cel.@mapInsert') return planInsert(planner, step, accu)
  return undefined
}

/** accumulator + [x]: costs what the list and the sum cost. */
function planAppend(planner: Planner, step: Call, accu: number): Eval | undefined {
  const [, added] = step.args
  if (step.fn !== '_+_' || added?.kind !== 'list' || added.elements.length !== 1 || added.optional.length > 0) return undefined
  const plan = planner.plan(added.elements[0] as Expr)
  const cost = plan.constant ? 2 : 12
  return (frame) => {
    const list = frame.vars[accu]
    const value = plan.eval(frame)
    frame.cost += cost
    if (list instanceof CelError) return list
    if (value instanceof CelError) return value
    ;(list as unknown[]).push(value)
    return list
  }
}

function planInsert(planner: Planner, step: Call, accu: number): Eval {
  const args = step.args.slice(1).map((arg) => planner.plan(arg).eval)
  return (frame) => {
    const map = frame.vars[accu]
    frame.cost++
    if (!(map instanceof CelMap)) return map
    const values = evaluateAll(frame, args)
    if (values instanceof CelError) return values
    frame.cost++
    if (values.length === 2) return insert(map, values[0], values[1])
    const [from] = values
    if (!isMap(from)) return new CelError('no such overload')
    return insertAll(map, from)
  }
}

function evaluateAll(frame: Frame, args: readonly Eval[]): unknown[] | CelError {
  const values: unknown[] = []
  for (const arg of args) {
    const value = arg(frame)
    if (value instanceof CelError) return value
    values.push(value)
  }
  return values
}

function insertAll(map: CelMap, from: MapValue): unknown {
  for (const key of mapKeys(from)) {
    const done = insert(map, key, mapGet(from, key))
    if (done instanceof CelError) return done
  }
  return map
}

function insert(map: CelMap, key: unknown, value: unknown): unknown {
  if (map.entries.has(mapKey(key))) return new CelError(`insert failed: key ${formatValue(key)} already exists`)
  map.set(key, value)
  return map
}
