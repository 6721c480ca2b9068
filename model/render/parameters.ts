const parameterName = /^[a-z][a-z0-9_]*$/;
const unrepresentable = /\0|\p{Surrogate}/u;

/**
 * The parameters of a step as its standard input carries them: one `name='value'` a line, sorted, quoted so that a shell
 * reads back exactly the same values. Names are lower case, which no variable of the shell's own is.
 */
export function renderParameters(parameters: Readonly<Record<string, string>>): string {
  return Object.keys(parameters)
    .sort()
    .map((name) => {
      const value = parameters[name] as string;
      if (!parameterName.test(name)) throw new Error(`parameter name '${name}' is not [a-z][a-z0-9_]*`);
      if (unrepresentable.test(value)) throw new Error(`parameter '${name}' holds a character that no shell can hold`);
      return `${name}='${value.replaceAll("'", "'\\''")}'\n`;
    })
    .join("");
}
