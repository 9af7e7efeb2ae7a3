// How fast this machine is at the moment, for limits of time: tests run on machines that are several
// times slower than an ordinary one, or have much else to do.

/** What the work below takes of an ordinary machine. */
const ORDINARY_MS = 50
const TIMES = 5

/**
 * How many times as long as on an ordinary machine some work takes now, but at least 1: `wall` by the
 * clock, `cpu` in time of the processor, which does not count waiting for it.
 */
export function slowness() {
  const runs = Array.from({ length: TIMES }, work)
  const least = of => Math.max(1, Math.min(...runs.map(of)) / ORDINARY_MS)
  return { wall: least(run => run.wall), cpu: least(run => run.cpu) }
}

/** Objects, texts and sorting, as a page has them. */
function work() {
  const began = performance.now()
  const before = process.cpuUsage()
  const people = Array.from({ length: 20_000 }, (_, at) => ({
    name: `${(at * 7919) % 20_000}`,
    at,
  }))
  const again = JSON.parse(JSON.stringify(people))
  again.sort((one, other) => one.name.localeCompare(other.name))
  const { user, system } = process.cpuUsage(before)
  return { wall: performance.now() - began, cpu: (user + system) / 1000 }
}
