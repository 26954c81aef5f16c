/** The netns driver, held to the laws of drivers inside a keeper like that of a lab. */
import { conformance } from '../driver/conformance.ts'
import { hosted } from '../driver/hosted.ts'

conformance('netns', hosted('host.ts'))
