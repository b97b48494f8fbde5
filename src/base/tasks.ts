import type { Logger, Task, Tasks } from './env.ts'

/** Tracks background work: errors are logged by task name, and `stop` waits for all of it. */
export function createTasks(log: Logger, onFailure?: (name: string, error: unknown) => void): Tasks {
  const running = new Set<Task>()
  return {
    go(name, run) {
      const controller = new AbortController()
      const done = Promise.resolve().then(async () => {
        try {
          await run(controller.signal)
        } catch (error) {
          if (controller.signal.aborted) return
          log.error('background task failed', { task: name, error })
          onFailure?.(name, error)
        } finally {
          running.delete(task)
        }
      })
      const task: Task = {
        name,
        done,
        async stop() {
          controller.abort(new Error(`task ${name} was stopped`))
          await done
        },
      }
      running.add(task)
      return task
    },
    async stop() {
      await Promise.all([...running].map((task) => task.stop()))
    },
  }
}
