/**
 * How a program that runs on every node is started: a heap that grows by a fifth at a time, code compiled for size and one
 * arena of malloc. With a hundred pods a kubelet needs two thirds of the memory that it takes otherwise (bench/node).
 */
export const smallProgram = {
  flags: ['--optimize-for-size', '--heap-growing-percent=20', '--max-semi-space-size=4'],
  environment: ['MALLOC_ARENA_MAX=1'],
} as const
