// What kernels of a matrix that lies as [columns, inner] share: invocations keep neighbouring rows of it, and several share each row.
import { constantDim, count } from "../kernel.ts";
import type { Region } from "../region.ts";
import type { Work } from "../work.ts";
import { matmulOf } from "./matmul.ts";
import { leftFunctions, longVector, longWeightFunction, rowFunctions } from "./matmul-vectors.ts";

/** Rows of the matrix that an invocation keeps, how many such groups a workgroup has, and how many invocations share each. */
interface RowsConfig {
  readonly rows: number;
  readonly lanes: number;
  readonly split: number;
}

/** Parameters, functions, workgroups and account, for `few` rows of the left operand. */
export function lowerRows(region: Region, { rows, lanes, split }: RowsConfig, few: number) {
  const { y, ...view } = matmulOf(region);
  const [inner, columns] = [constantDim(view.inner), constantDim(view.columns)];
  const { size, vector } = longVector(region);
  const pairs = region.neighbours === 2;
  return {
    params: { inner: inner / size, width: columns, vector, size, rows, split, lanes, pairs },
    functions: [
      ...leftFunctions(region),
      ...rowFunctions(region),
      longWeightFunction(region),
      region.storeFunction("store_result", y, ["row", "column"]),
    ],
    workgroups: [count([columns, lanes * rows]), count(), count()] as const,
    work: (): Work => {
      const held = Math.ceil(columns / (lanes * rows)) * lanes;
      const vectors = inner / size;
      const loads = held * rows * vectors;
      return {
        calls: { load_x: held * vectors * few, load_b: loads, store_result: (few * columns) / region.neighbours },
        ahead: { load_b: rows },
        multiplyAdds: loads * size * few,
        shared: few * (held * rows * split + columns * split),
        // Of what invocations share.
        barriers: split > 1 ? 1 : 0,
      };
    },
  };
}
