import * as assert from 'uvu/assert';
import { EGX_LISTINGS, REAL_CLOSES } from '../../../clients/simulator/egx-listings.ts';
import { toMills, toPounds } from '../../../clients/simulator/price-ladder.ts';
import { isSymbol } from '../../../src/market/tick.ts';
import { suite } from '../../support/suite.ts';

const test = suite('clients/simulator/egx-listings');

test('every share has a code of its own that the gateway takes, a name, a sector and a close on the tick', () => {
  assert.ok(EGX_LISTINGS.length >= 250);
  assert.is(new Set(EGX_LISTINGS.map((listing) => listing.symbol)).size, EGX_LISTINGS.length);
  for (const { symbol, name, sector, previousClose } of EGX_LISTINGS) {
    assert.ok(isSymbol(symbol) && name !== '' && sector !== '', symbol);
    assert.is(toPounds(toMills(previousClose)), previousClose, symbol);
  }
});

test('both tick sizes occur, and the real closes belong to listed shares', () => {
  assert.ok(EGX_LISTINGS.some((listing) => listing.previousClose < 2));
  assert.ok(EGX_LISTINGS.some((listing) => listing.previousClose > 100));
  const symbols = new Set(EGX_LISTINGS.map((listing) => listing.symbol));
  assert.equal(
    REAL_CLOSES.filter((symbol) => !symbols.has(symbol)),
    [],
  );
});
