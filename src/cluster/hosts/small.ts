/**
 * How a program that runs on every node is started: a heap that grows by a fifth at a time, code compiled for size and one
 * arena of malloc. With a hundred pods a kubelet needs two thirds of the memory that it takes otherwise (bench/node).
 */
export const smallProgram = {
  flags: ['--optimize-for-size', '--heap-growing-percent=20', '--max-semi-space-size=4'],
  environment: ['MALLOC_ARENA_MAX=1'],
} as const

/**
 * How an API server is started: requests leave much behind at once, and room for it halves how often it is looked through
 * (bench/api: a tenth of the CPU of a patch, and a lower peak, since less is taken for old). Several threads that look
 * through it get in each other's way: one takes another tenth off.
 */
export const servingProgram = { flags: ['--max-semi-space-size=32', '--v8-pool-size=1'], environment: ['MALLOC_ARENA_MAX=1'] } as const
