import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['src/**/*.test.{ts,tsx}', 'test/**/*.test.ts'], exclude: ['test/live/**'], testTimeout: 30_000, hookTimeout: 60_000 } },
      { test: { name: 'live', include: ['test/live/**/*.live.test.ts'], fileParallelism: false, testTimeout: 300_000, hookTimeout: 300_000 } },
    ],
  },
})
