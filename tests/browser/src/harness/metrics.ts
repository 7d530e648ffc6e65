/** One scrape of a private listener: every sample by its name, labels summed up. */
export type Scrape = ReadonlyMap<string, number>;

/** Reads OpenMetrics text. */
export function parseMetrics(text: string): Scrape {
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{.*\})? (\S+)/.exec(line);
    if (!sample?.[1] || !sample[2]) continue;
    values.set(sample[1], (values.get(sample[1]) ?? 0) + Number(sample[2]));
  }
  return values;
}

export async function scrape(url: string): Promise<Scrape> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return parseMetrics(await response.text());
}

/** A sample that must exist: a misspelt name must not read as silence. */
export function sample(scraped: Scrape, name: string): number {
  const value = scraped.get(name);
  if (value === undefined) throw new Error(`no metric ${name} among ${[...scraped.keys()].join(", ")}`);
  return value;
}
