import { Command } from 'commander';
import { registerCommands } from '../../src/commands/catalog.ts';
import { codeBlocks, inlineCode } from './markdown.ts';

/** The commands as the program has them. */
export async function readCommands(): Promise<Command> {
  const program = new Command();
  await registerCommands(program, []);
  return program;
}

/** Everything after `tickgate` in a document's code, up to where another command or a comment begins. */
export function commandUses(text: string): string[] {
  const shell = codeBlocks(text)
    .filter(({ language }) => language === 'sh')
    .flatMap((block) => block.text.split('\n'))
    .filter((line) => !line.startsWith('alias '));
  const comments = codeBlocks(text).flatMap((block) => [...block.text.matchAll(/`(tickgate [^`\n]+)`/g)]);
  const code = [...shell, ...inlineCode(text), ...comments.map(([, use = '']) => use)];
  return code.flatMap((line) =>
    [...line.matchAll(/(?<!SETUSER)(?:^|[\s(])tickgate ((?:[^#&;)`]|\\\|)+)/g)].map(([, rest = '']) =>
      rest.replaceAll('\\|', '|').trim(),
    ),
  );
}

/** The command that a use names; undefined where there is none, or where it asks for help. */
export function commandOf(use: string, program: Command): Command | undefined {
  const name = (use.split(/\s+/)[0] ?? '').replace(/^--(?=[a-z])/, '');
  return program.commands.find((each) => each.name() === name);
}

/** Whether a use names no command, but an option of the program itself. */
export function isProgramOption(use: string): boolean {
  return /^--(?:help|json)(?:\s|$)/.test(use);
}

/** The first option, or part of a command such as `stack up`, that the program does not have. */
export function unknownPartOf(use: string, command: Command): string | undefined {
  const parts = command.commands.map((part) => part.name());
  if (parts.length > 0) return (use.split(/\s+/)[1] ?? '').split('|').find((name) => !parts.includes(name));
  const options = [...use.matchAll(/(?<=[\s[])--[a-z-]+/g)].map(([option]) => option);
  return options.find((option) => option !== '--json' && !command.options.some(({ long }) => long === option));
}
