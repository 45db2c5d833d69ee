/** Runs the kernels with tinybench: rows per second of one core, and what bounds them. */
import { readdirSync } from 'node:fs'
import { Bench } from 'tinybench'
import { millions, printTable, record } from './report.js'

interface Kernel {
  readonly rowsPerOperation: number
  readonly boundBy: string
  add(bench: Bench): void
}

export async function runKernels(filter: RegExp, timeMs: number): Promise<void> {
  const folder = new URL('./kernels/', import.meta.url)
  const rows: string[][] = []
  for (const file of readdirSync(folder).filter((f) => f.endsWith('.bench.js') && filter.test(f))) {
    const kernel = (await import(new URL(file, folder).href)) as Kernel
    const bench = new Bench({ time: timeMs, warmupTime: timeMs / 3 })
    kernel.add(bench)
    await bench.run()
    for (const task of bench.tasks) {
      const { result } = task
      if (result.state !== 'completed') throw new Error(`${file}: ${task.name} did not complete (${result.state})`)
      // The median of the samples: other work on the machine moves the mean, not the median.
      const rowsPerSecond = (kernel.rowsPerOperation * 1000) / result.latency.p50
      rows.push([task.name, millions(rowsPerSecond), (1e9 / rowsPerSecond).toFixed(1)])
      record('kernels', { kernel: task.name, rowsPerSecond: Math.round(rowsPerSecond), boundBy: kernel.boundBy })
    }
    rows.push([`  bound by: ${kernel.boundBy}`, '', ''])
  }
  printTable('Kernels, one core', ['kernel', 'rows/s', 'ns/row'], rows)
}
