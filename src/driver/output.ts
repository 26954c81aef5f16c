/** What one program may print before it is stopped: a flood must not fill the daemon's memory. In bytes, or in letters where bytes were read as text. */
export const OUTPUT_MAX = 32 * 1024 * 1024

/** Said of a program that was stopped for it. */
export const FLOOD = 'more than 32 MiB were printed'
