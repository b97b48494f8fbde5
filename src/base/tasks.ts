import type { Logger, Task, Tasks } from './env.ts'

/** Tracks background work: errors are logged by task name, and `stop` waits for all of it. */
export function createTasks(log: Logger, onFailure?: (name: string, error: unknown) => void): Tasks {
  return group((name, run) => {
    const controller = new AbortController()
    const done = Promise.resolve().then(async () => {
      try {
        await run(controller.signal)
      } catch (error) {
        if (controller.signal.aborted) return
        log.error('background task failed', { task: name, error })
        onFailure?.(name, error)
      }
    })
    return {
      name,
      done,
      async stop() {
        controller.abort(new Error(`task ${name} was stopped`))
        await done
      },
    }
  })
}

/** One component's share of `tasks`: `stop` ends what was begun through it and nothing else. */
export function scopedTasks(tasks: Tasks): Tasks {
  return group((name, run) => tasks.go(name, run))
}

function group(begin: Tasks['go']): Tasks {
  const running = new Set<Task>()
  let stopped = false
  return {
    go(name, run) {
      // What is begun while the rest ends would outlive it and keep the process alive.
      if (stopped) return { name, done: Promise.resolve(), stop: () => Promise.resolve() }
      const task = begin(name, run)
      running.add(task)
      void task.done.finally(() => running.delete(task))
      return task
    },
    async stop() {
      stopped = true
      await Promise.all([...running].map((task) => task.stop()))
    },
  }
}
