// Which methods each path knows, so that a wrong method is told from an unknown path (RFC 9110
// §15.5.6 asks for Allow).

export class MethodTable {
  readonly #paths = new Map<string, { readonly match: RegExp; readonly methods: Set<string> }>();

  /** @param pattern a route's path, its parameters written as `:name` */
  add(pattern: string, methods: readonly string[]): void {
    const entry = this.#paths.get(pattern) ?? { match: matcherOf(pattern), methods: new Set() };
    for (const method of methods) entry.methods.add(method);
    this.#paths.set(pattern, entry);
  }

  /** Methods of a path, sorted; none where it is unknown. */
  allowed(path: string): readonly string[] {
    const found = new Set<string>();
    for (const { match, methods } of this.#paths.values()) {
      if (match.test(path)) for (const method of methods) found.add(method);
    }
    return [...found].sort();
  }
}

function matcherOf(pattern: string): RegExp {
  const parts = pattern.split("/").map((part) => {
    return part.startsWith(":") ? "[^/]+" : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  });
  return new RegExp(`^${parts.join("/")}$`);
}
