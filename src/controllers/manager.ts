/** kube-controller-manager as a Component: the controllers that are wanted, over shared informers. */
import type { Component, Env } from '../base/env.ts'
import type { Client } from '../client/client.ts'
import { createManager, type ManagerDefinition, selectFrom } from '../client/manager.ts'
import { type ControllerEntry, controllers } from './index.ts'
import { aliases, cloudControllers } from './names.ts'
import { type ControllerManagerOptions, isEnabled } from './options.ts'

export type { ControllerManagerOptions } from './options.ts'

const definition: ManagerDefinition<ControllerManagerOptions> = { name: 'controller-manager', controllers, aliases, elsewhere: cloudControllers, isEnabled }

/**
 * The controllers as one component. `ready` resolves when all of them have seen the cluster. The client's
 * identity needs the rights of system:kube-controller-manager and its controllers.
 */
export function createControllerManager(env: Env, client: Client, options: ControllerManagerOptions = {}): Component {
  return createManager(env, client, definition, options)
}

/** Which controllers --controllers selects. Throws for a name that none has. */
export const selectControllers = (selection: readonly string[]): readonly ControllerEntry[] => selectFrom(definition, selection)
