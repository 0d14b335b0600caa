/** An element of the page by its id. @throws {Error} where the page is not the one this program was made for */
export function element<E extends HTMLElement>(id: string, kind: new () => E): E {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} called ${id}`);
  return found;
}

export function show(node: HTMLElement, isVisible: boolean): void {
  if (node.hidden === isVisible) node.hidden = !isVisible;
}

export function write(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}
