// Where a shader touches its storage buffers and workgroup memory. Reads the subset of WGSL that our templates are written
// in, by tokens and scopes, and refuses what it does not understand: an access that is overlooked would count as a good one.
import { TokenReader } from "./token-reader.ts";
import { parseWgslType, type WgslType } from "./types.ts";

/** A variable of the module in memory that invocations share. */
export interface SharedVariable {
  readonly name: string;
  readonly space: "storage" | "workgroup";
  readonly type: WgslType;
  /** Of a storage buffer, in group 0. */
  readonly binding?: number;
}

/** One index of an access, an expression of the text, and how many places there are. */
export interface IndexUse extends TextRange {
  /** A constant expression; a storage array's length has none. */
  readonly length: string | undefined;
  /** How many places beyond the index are touched too, as an expression: a matrix that a subgroup loads. */
  readonly extent?: string;
}

/** One place in the text that reads or writes shared memory. */
export interface Access {
  readonly variable: SharedVariable;
  /** `update`: reads and writes, as `+=` and atomics do. */
  readonly kind: "read" | "write" | "update";
  readonly line: number;
  /** From the outermost on; none for a variable that is no array. */
  readonly indices: readonly IndexUse[];
}

/** A range of characters. */
export interface TextRange {
  readonly start: number;
  readonly end: number;
}

/** An entry point: its attributes, its name, and its parameters with the attributes of each. */
export interface EntryPoint {
  readonly attributes: TextRange;
  readonly name: TextRange;
  readonly params: TextRange;
  readonly paramNames: readonly string[];
  readonly paramAttributes: readonly TextRange[];
}

/** What a module shares, and where it touches that. */
export interface ModuleAccesses {
  readonly entryPoints: readonly EntryPoint[];
  readonly variables: readonly SharedVariable[];
  readonly accesses: readonly Access[];
}

/**
 * All accesses of a module to storage buffers and workgroup variables, in the order of the text.
 * @throws CompileError for WGSL that it can't follow: pointers, whole arrays, structs in shared memory.
 */
export const findAccesses = (wgsl: string): ModuleAccesses => new ModuleReader(wgsl).read();

/** Names that a block declares. `header`: of a function or a loop, and gone with the block after it. */
interface Scope {
  readonly names: Set<string>;
  readonly header: boolean;
}

const ASSIGNING = new Set(["+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", "++", "--"]);

class ModuleReader extends TokenReader {
  readonly #aliases = new Map<string, WgslType>();
  readonly #variables = new Map<string, SharedVariable>();
  readonly #accesses: Access[] = [];
  readonly #entryPoints: EntryPoint[] = [];
  #scopes: Scope[] = [];
  #at = 0;

  read(): ModuleAccesses {
    // WGSL takes declarations in any order: variables first, then the functions that use them.
    const bodies: (() => void)[] = [];
    while (this.#at < this.tokens.length) this.#declaration(bodies);
    for (const read of bodies) read();
    return {
      entryPoints: this.#entryPoints,
      variables: [...this.#variables.values()],
      accesses: this.#accesses,
    };
  }

  #declaration(bodies: (() => void)[]): void {
    const first = this.#at;
    const attributes = this.#attributes();
    const word = this.text(this.#at);
    switch (word) {
      case ";":
        this.#at++;
        return;
      case "enable":
      case "requires":
      case "diagnostic":
      case "const":
      case "override":
      case "const_assert":
        this.#skipPast(";");
        return;
      case "struct":
        this.#at = this.closing(this.#at + 2) + 1;
        return;
      case "alias": {
        const { type, next } = this.#type(this.#at + 3);
        this.#aliases.set(this.text(this.#at + 1), type);
        this.#at = next + 1;
        return;
      }
      case "var":
        this.#variable(attributes);
        return;
      case "fn": {
        const params = this.#at + 2;
        const body = this.find("{", this.closing(params));
        bodies.push(() => this.#function(params, body));
        if (attributes.has("compute")) this.#entryPoint(first, params);
        this.#at = this.closing(body) + 1;
        return;
      }
      default:
        this.refuse(this.#at, `${word} begins no declaration that is understood`);
    }
  }

  #attributes(): ReadonlyMap<string, string> {
    const attributes = new Map<string, string>();
    while (this.text(this.#at) === "@") {
      const name = this.text(this.#at + 1);
      this.#at += 2;
      attributes.set(name, this.text(this.#at) === "(" ? this.text(this.#at + 1) : "");
      if (this.text(this.#at) !== "(") continue;
      this.#at = this.closing(this.#at) + 1;
    }
    return attributes;
  }

  #variable(attributes: ReadonlyMap<string, string>): void {
    const [, open, space] = [0, 1, 2].map((i) => this.text(this.#at + i));
    const end = open === "<" ? this.closing(this.#at + 1) : this.#at;
    const name = this.text(end + 1);
    if (space !== "storage" && space !== "workgroup") {
      this.#skipPast(";");
      return;
    }
    const { type, next } = this.#type(end + 3);
    if (this.text(end + 2) !== ":" || this.text(next) !== ";")
      this.refuse(next, `${name} is declared in an unknown way`);
    const binding = Number(attributes.get("binding"));
    if (space === "storage" && (attributes.get("group") !== "0" || type.kind !== "array" || type.length !== undefined))
      this.refuse(end + 1, `${name} is no array that a buffer of group 0 holds`);
    this.#variables.set(name, { name, space, type, ...(space === "storage" && { binding }) });
    this.#at = next + 1;
  }

  #entryPoint(first: number, params: number): void {
    const end = this.closing(params);
    const paramNames: string[] = [];
    const paramAttributes: TextRange[] = [];
    for (let i = params + 1; i < end; i++) {
      if (this.text(i + 1) === ":") paramNames.push(this.text(i));
      if (this.text(i) !== "@") continue;
      const last = this.text(i + 2) === "(" ? this.closing(i + 2) : i + 1;
      paramAttributes.push(this.range(i, last + 1));
      i = last;
    }
    this.#entryPoints.push({
      attributes: this.range(first, params - 2),
      name: this.range(params - 1, params),
      params: this.range(params + 1, end),
      paramNames,
      paramAttributes,
    });
  }

  #function(params: number, body: number): void {
    const names = new Set<string>();
    for (let i = params; i < this.closing(params); i++) {
      if (this.text(i) === "ptr") this.refuse(i, "a function takes a pointer");
      if (this.text(i + 1) === ":") names.add(this.text(i));
    }
    this.#scopes = [{ names, header: true }];
    this.#statements(body, this.closing(body) + 1);
  }

  /** Follows the tokens from `from` up to `to`, with the declarations that hide a module's variable. */
  #statements(from: number, to: number): void {
    const pending: string[] = [];
    for (let i = from; i < to; i++) {
      const text = this.text(i);
      if (text === "{") this.#scopes.push({ names: new Set(), header: false });
      else if (text === "}") {
        this.#scopes.pop();
        if (this.#scopes.at(-1)?.header) this.#scopes.pop();
      } else if (text === "for") this.#scopes.push({ names: new Set(), header: true });
      else if (text === "let" || text === "const" || text === "var") {
        if (this.text(i + 1) === "<") this.refuse(i, "a variable of a function names its address space");
        // A variable is in scope from the end of its declaration on: `let x = x[0];` reads the outer one.
        pending.push(this.text(i + 1));
        i++;
      } else if (text === ";") for (const name of pending.splice(0)) this.#scopes.at(-1)?.names.add(name);
      else if (text === "subgroupMatrixLoad" || text === "subgroupMatrixStore") i = this.#matrix(i);
      else if (text === "&" && this.isUnary(i) && this.tokens[i + 1]?.kind !== "word")
        this.refuse(i, "takes the address of an expression");
      else if (this.tokens[i]?.kind === "word" && this.text(i - 1) !== ".") {
        const variable = this.#shared(text);
        if (variable) i = this.#access(variable, i);
      }
    }
  }

  #shared(name: string): SharedVariable | undefined {
    return this.#scopes.some((s) => s.names.has(name)) ? undefined : this.#variables.get(name);
  }

  /** The access whose variable stands at `at`; returns its last token. */
  #access(variable: SharedVariable, at: number): number {
    const indices: IndexUse[] = [];
    let { type } = variable;
    let next = at + 1;
    while (this.text(next) === "[") {
      if (type.kind === "scalar") this.refuse(next, `${variable.name} has an index too many`);
      else {
        const end = this.closing(next);
        indices.push({ ...this.range(next + 1, end), length: type.length });
        this.#statements(next + 1, end);
        ({ element: type } = type);
        next = end + 1;
      }
    }
    const address = this.text(at - 1) === "&" && this.isUnary(at - 1);
    // The length alone touches nothing.
    if (address && indices.length === 0 && this.text(at - 3) === "arrayLength") return at;
    if (address && !(type.kind === "scalar" && type.atomic))
      this.refuse(at, `takes the address of ${variable.name}, which may then be touched anywhere`);
    if (type.kind === "array") this.refuse(at, `${variable.name} is touched as a whole array`);
    if (type.kind !== "scalar" && this.text(next) === ".") next += 2;
    if (this.text(next) === "[") this.refuse(next, `components of ${variable.name} are indexed in an unknown way`);
    const kind = address ? "update" : this.#kind(next);
    this.#accesses.push({ variable, kind, line: this.line(at), indices });
    return next - 1;
  }

  #kind(next: number): Access["kind"] {
    const text = this.text(next);
    if (text === "=") return "write";
    const shift = text === ">" && this.text(next + 1) === ">" && this.text(next + 2) === "=";
    return ASSIGNING.has(text) || shift ? "update" : "read";
  }

  /** `subgroupMatrixLoad<type>(&name, offset, column_major, stride)`, and the store with its value before the flag. */
  #matrix(at: number): number {
    const loads = this.text(at) === "subgroupMatrixLoad";
    const open = loads ? this.closing(at + 1) + 1 : at + 1;
    const end = this.closing(open);
    const args = this.split(open + 1, end);
    const [pointer, offset] = args;
    const [flag, stride] = args.slice(-2).map(([from, to]) => this.between(from, to));
    const variable = pointer && this.text(pointer[0]) === "&" ? this.#shared(this.text(pointer[0] + 1)) : undefined;
    const shape = loads ? this.between(at + 2, open - 1) : this.#resultType();
    // Of columns and rows, those that lie one behind the other come first.
    const [, columns, rows] = /^subgroup_matrix_\w+<\w+, (\w+), (\w+)>$/.exec(shape ?? "") ?? [];
    if (
      !offset ||
      !variable ||
      variable.type.kind !== "array" ||
      variable.type.element.kind !== "scalar" ||
      args.length !== (loads ? 4 : 5) ||
      rows === undefined ||
      (flag !== "true" && flag !== "false")
    )
      return this.refuse(at, "a subgroup's matrix is moved in an unknown way");
    const [near, far] = flag === "false" ? [columns, rows] : [rows, columns];
    const extent = `(${far} - 1u) * (${stride}) + ${near} - 1u`;
    const index = { ...this.range(offset[0], offset[1]), length: variable.type.length, extent };
    this.#accesses.push({ variable, kind: loads ? "read" : "write", line: this.line(at), indices: [index] });
    for (const [from, to] of args.slice(1)) this.#statements(from, to);
    return end;
  }

  /** The one type of matrix results that the module names: a store does not say what it stores. */
  #resultType(): string | undefined {
    const types = new Set<string>();
    this.tokens.forEach(({ text }, i) => {
      if (text === "subgroup_matrix_result") types.add(this.between(i, this.closing(i + 1) + 1));
    });
    return types.size === 1 ? [...types][0] : undefined;
  }

  #type(at: number): ReturnType<typeof parseWgslType> {
    return parseWgslType(this.tokens, at, this.#aliases, (from, to) => this.between(from, to));
  }

  #skipPast(text: string): void {
    this.#at = this.find(text, this.#at) + 1;
  }
}
