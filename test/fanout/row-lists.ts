import { RowList } from '../../src/base/row-list.ts';

export function listOf(rows: readonly number[]): RowList {
  const list = new RowList();
  for (const row of rows) list.push(row);
  return list;
}

export function numbersOf(list: RowList | undefined): number[] {
  return list === undefined ? [] : Array.from({ length: list.length }, (_, index) => list.at(index));
}
