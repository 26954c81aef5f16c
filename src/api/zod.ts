/** zod, told not to compile what it reads by: that pays only after a thousand objects or so, and every program of netlab would wait for it when it starts. */
import { z } from 'zod'

z.config({ jitless: true })

export { z }
