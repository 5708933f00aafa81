/** What Docker says of every `--format` of a list. */
export const formatHelp: string = `Format output using a custom template:
'table':            Print output in table format with column headers (default)
'table TEMPLATE':   Print output in table format using the given Go template
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.`;

/** What Docker says of every `--format` of a single thing. */
export const inspectFormatHelp: string = `Format output using a custom template:
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.`;
