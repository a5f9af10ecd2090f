// Looking a name up that comes from outside: `constructor` and `toString` are names like others, and no members of every object.

/** What the record itself has under the name; nothing that it inherits. */
export const own = <T>(record: Readonly<Partial<Record<string, T>>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;
