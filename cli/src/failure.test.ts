import { expect, it } from 'vitest';
import { Advised, explain } from './failure.js';

function engineError(code: string, message: string, hint?: string): Error {
  return Object.assign(new Error(message), { code, hint });
}

it('shows the message of an error as it is', () => {
  expect(explain(new Error('File not found: a.py'))).toEqual({ message: 'File not found: a.py', details: [] });
});

it('adds the hint that an engine error brings', () => {
  const { message, details } = explain(engineError('NETWORK_UNSUPPORTED', 'not in this mode', 'use --net none'));
  expect(message).toBe('not in this mode');
  expect(details).toEqual(['hint: use --net none']);
});

it('says that Docker is missing in the same words everywhere, and then why', () => {
  const { message, details } = explain(engineError('DOCKER_UNAVAILABLE', 'permission denied'));
  expect(message).toBe('Docker is not running or not installed.');
  expect(details).toEqual(['  permission denied']);
});

it('leaves what a server says of its own Docker as it is', () => {
  const message = 'Execution failed: Docker is not running or not installed. no socket';
  expect(explain(engineError('DOCKER_UNAVAILABLE', message))).toEqual({ message, details: [] });
});

it('says when to try again', () => {
  const error = Object.assign(engineError('RATE_LIMITED', 'too many'), { retryAfterMs: 1500 });
  expect(explain(error)).toEqual({ message: 'too many', details: ['hint: try again in 2 s'] });
});

it('puts advice last', () => {
  const error = new Advised(engineError('DOCKER_UNAVAILABLE', 'no socket'), ['first do this', 'then that']);
  expect(explain(error).details).toEqual(['  no socket', 'first do this', 'then that']);
});

it('survives what is not an error', () => {
  expect(explain('just text')).toEqual({ message: 'just text', details: [] });
});
