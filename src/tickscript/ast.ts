/**
 * The syntax tree of TICKscript. Positions are byte offsets into the UTF-8 source (errors count columns in bytes); `line`
 * and `char` are 1-based. `comment` is the comment block printed before the node. Thread: any.
 */
export interface Position {
  readonly offset: number
  readonly line: number
  readonly char: number
}

export interface Comment {
  /** Groups that are separated by empty lines; each line is without its slashes and one blank. */
  readonly groups: readonly (readonly string[])[]
}

interface Base {
  readonly pos: Position
  comment?: Comment
}

export interface NumberNode extends Base {
  readonly type: 'number'
  /** bigint = int, number = float. */
  readonly value: bigint | number
  /** The source was octal (formatter). */
  readonly octal?: boolean
}
export interface StringNode extends Base {
  readonly type: 'string'
  readonly value: string
  readonly triple: boolean
}
export interface BoolNode extends Base {
  readonly type: 'bool'
  readonly value: boolean
}
export interface DurationNode extends Base {
  readonly type: 'duration'
  readonly ns: bigint
  /** As written. */
  readonly literal: string
}
export interface RegexNode extends Base {
  readonly type: 'regex'
  /** RE2 source, `\/` already unescaped. */
  readonly source: string
  /** As written between the slashes. */
  readonly literal: string
}
export interface StarNode extends Base {
  readonly type: 'star'
}
export interface ReferenceNode extends Base {
  readonly type: 'reference'
  readonly name: string
}
export interface IdentifierNode extends Base {
  readonly type: 'identifier'
  readonly name: string
}
export interface UnaryNode extends Base {
  readonly type: 'unary'
  readonly op: '-' | '!'
  readonly operand: Expression
}
export type BinaryOp = '*' | '/' | '%' | '+' | '-' | '<' | '<=' | '>' | '>=' | '==' | '!=' | '=~' | '!~' | 'AND' | 'OR'
export interface BinaryNode extends Base {
  readonly type: 'binary'
  readonly op: BinaryOp
  readonly left: Expression
  readonly right: Expression
  /** Written inside parentheses, which the formatter keeps. */
  readonly parens: boolean
  /** The source has a newline between the starts of left and right. */
  readonly multiLine: boolean
}
/** A global or built-in function call, also the right side of a link. */
export interface FunctionNode extends Base {
  readonly type: 'function'
  readonly name: string
  readonly args: readonly Expression[]
  /** The source has a newline between the name and the start of the last argument. */
  readonly multiLine: boolean
  readonly kind: 'global' | 'chain' | 'property' | 'dynamic'
}
export interface LambdaNode extends Base {
  readonly type: 'lambda'
  readonly expression: Expression
}
export interface ListNode extends Base {
  readonly type: 'list'
  readonly items: readonly Expression[]
}
/** left|f(), left.f(), left.name, left@f(). `pos` is the link's. Chains may be long: walk `left` in a loop. */
export interface ChainNode extends Base {
  readonly type: 'chain'
  readonly left: Expression
  readonly op: '|' | '.' | '@'
  readonly right: FunctionNode | IdentifierNode
}
export interface DeclarationNode extends Base {
  readonly type: 'declaration'
  readonly name: IdentifierNode
  readonly value: Expression
}
export interface TypeDeclarationNode extends Base {
  readonly type: 'typeDeclaration'
  readonly name: IdentifierNode
  readonly varType: IdentifierNode
}
export interface DbrpNode extends Base {
  readonly type: 'dbrp'
  readonly db: ReferenceNode
  readonly rp: ReferenceNode
}

export type Expression =
  | NumberNode
  | StringNode
  | BoolNode
  | DurationNode
  | RegexNode
  | StarNode
  | ReferenceNode
  | IdentifierNode
  | UnaryNode
  | BinaryNode
  | FunctionNode
  | LambdaNode
  | ListNode
  | ChainNode

export type Statement = DeclarationNode | TypeDeclarationNode | DbrpNode | Expression

export interface Program {
  readonly statements: readonly Statement[]
  /** Comments that no node has: before the last token when that closes something, and after it. */
  readonly trailing?: readonly Comment[]
}
