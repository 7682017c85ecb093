// SPDX-License-Identifier: MIT
// Finds npm packages in the folder that E2E_MODULES names: `import` looks beside this file only.
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const base = path.join(process.env.E2E_MODULES ?? import.meta.dirname ?? '.', 'package.json');
/** For packages in the CommonJS form. */
export const require = createRequire(base);

/** For those that are ES modules only. */
export async function load(name) {
  return import(pathToFileURL(require.resolve(name)).href);
}

export function check(condition, words) {
  if (!condition) throw new Error(typeof words === 'function' ? words() : words);
}

/** Runs the program and makes the first line of a failure its last line of output. */
export async function run(main) {
  try {
    await main();
    console.log('all well');
    process.exit(0);
  } catch (error) {
    console.log(error?.stack ?? String(error));
    console.log(`failed: ${String(error?.message ?? error).split('\n')[0]}`);
    process.exit(1);
  }
}
