// A vitest reporter that writes down how many tests passed and failed, and which were skipped with
// which reason. vitest's JSON reporter leaves the reasons out.
import { writeFileSync } from "node:fs";

/** @import { Reporter, TestModule } from "vitest/node" */

/** @implements {Reporter} */
export default class FiguresReporter {
  /**
   * @param {readonly TestModule[]} modules
   * @param {readonly unknown[]} errors errors outside of any test
   */
  onTestRunEnd(modules, errors) {
    let passed = 0;
    let failed = errors.length;
    const skipped = [];
    for (const module of modules) {
      let failedHere = 0;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === "passed") passed += 1;
        else if (result.state === "failed") failedHere += 1;
        else {
          const reason = result.state === "skipped" ? (result.note ?? "") : "it did not run";
          skipped.push({ name: `${module.relativeModuleId} > ${test.fullName}`, reason });
        }
      }
      // A file that cannot be loaded has no test to fail.
      if (failedHere === 0 && module.state() === "failed") failedHere = 1;
      failed += failedHere;
    }
    const file = process.env["TASKMESH_FIGURES_FILE"];
    if (file !== undefined) writeFileSync(file, JSON.stringify({ passed, failed, skipped }));
  }
}
