/** The netns driver on a kernel of its own, held to the same laws: one boot for all of them. */
import { vi } from 'vitest'
import { conformance } from '../driver/conformance.ts'
import { hosted } from '../driver/hosted.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 60_000 })
conformance('netns on user-mode Linux', hosted('guest.ts'))
