import { EventEmitter } from 'node:events';
import { ServerResponse, IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { UnreadAnswers } from '../../src/http/unread-answers.ts';
import { suite } from '../support/suite.ts';

const test = suite('unread answers');
const responseOf = (socket: Socket): ServerResponse => new ServerResponse(new IncomingMessage(socket));

test('beyond the bound the socket with the oldest one is cut, with all of its own', () => {
  const unread = new UnreadAnswers(100);
  const [slow, other, next] = [new Socket(), new Socket(), new Socket()];
  unread.add(slow, responseOf(slow), 40);
  unread.add(other, responseOf(other), 40);
  unread.add(slow, responseOf(slow), 20);
  assert.is(unread.bytes, 100);
  unread.add(next, responseOf(next), 30);
  assert.ok(slow.destroyed);
  assert.not(other.destroyed);
  assert.is(unread.bytes, 70);
});

test('what is read, and what ends with its connection, is not counted', () => {
  const unread = new UnreadAnswers(100);
  const socket = new Socket();
  const first = responseOf(socket);
  unread.add(socket, first, 60);
  unread.add(socket, responseOf(socket), 10);
  EventEmitter.prototype.emit.call(first, 'close');
  assert.is(unread.bytes, 10);
  EventEmitter.prototype.emit.call(socket, 'close');
  assert.is(unread.bytes, 0);
});

test('one answer larger than the bound is given all the same', () => {
  const unread = new UnreadAnswers(100);
  const socket = new Socket();
  unread.add(socket, responseOf(socket), 500);
  assert.not(socket.destroyed);
});
