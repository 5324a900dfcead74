#!/usr/bin/env python3
"""Turn the comments of a C++ class into SWIG docstrings: generate-docstrings.py HEADER CLASS NAME... > FILE.i

ITK's own way is Doxygen, a dependency that the wheel does not need otherwise. CLASS is the C++ class that HEADER declares,
NAME... are SWIG's names of its instantiations, which all get the same docstrings.
"""
import html
import pathlib
import re
import sys
import textwrap

COMMENT = re.compile(r"/\*\*(?!<|@)(.*?)\*/", re.DOTALL)
MACROS = (
    (re.compile(r"itk(?:Set|SetGet)\w*Macro\((\w+)"), ("Set{}",)),
    (re.compile(r"itkGet\w*Macro\((\w+)"), ("Get{}",)),
    (re.compile(r"itkSinkhorn(?:Boolean)?SettingMacro\((\w+)"), ("Set{}", "Get{}")),
    (re.compile(r"itkSinkhornBooleanSettingMacro\((\w+)"), ("{}On", "{}Off")),
    (re.compile(r"itkSinkhorn(Blur)Macro\("), ("Set{}", "Get{}", "Set{}ToAutomatic", "Get{}IsAutomatic")),
    (
        re.compile(r"itkSinkhorn(IntensityBins)Macro\("),
        ("SetNumberOf{}", "GetNumberOf{}", "SetIntensityWeight", "GetIntensityWeight"),
    ),
    (re.compile(r"itkBooleanMacro\((\w+)"), ("{}On", "{}Off")),
)
METHOD = re.compile(r"^  (\w+)\(", re.MULTILINE)


def clean(comment):
    """The comment as plain text, paragraphs kept."""
    lines = [re.sub(r"^\s*\* ?", "", line) for line in comment.strip().splitlines()]
    text = "\n".join(lines).strip()
    text = re.sub(r"\\class \w+\n", "", text)
    text = re.sub(r"\\ingroup .*", "", text)
    text = re.sub(r"\\brief ", "", text)
    text = re.sub(r"\\f\[(.*?)\\f\]", r"\n\n    $\1$\n\n", text, flags=re.DOTALL)
    text = re.sub(r"\\f\$(.*?)\\f\$", r"$\1$", text, flags=re.DOTALL)
    text = re.sub(r"\\par (.*)\n", r"\n\n\1\n\n", text)
    text = re.sub(r"\\name (.*)", r"\1", text)
    text = re.sub(r"\s*\\param (\w+)", r"\n\n\1:", text)
    text = re.sub(r"\s*\\tparam (\w+)", r"\n\nTemplate parameter \1:", text)
    text = re.sub(r"\s*\\return ", r"\n\nReturns ", text)
    text = re.sub(r"\s*\\exception \S+", r"\n\nRaises RuntimeError", text)
    return fill(html.unescape(text))


def fill(text):
    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", text):
        for item in re.split(r"\n(?=- )", paragraph.strip("\n")):
            if item.strip():
                indent = re.match(r" *", item).group()
                hanging = indent + ("  " if item.startswith("- ") else "")
                flowed = " ".join(item.split())
                paragraphs.append(textwrap.fill(flowed, 100, initial_indent=indent, subsequent_indent=hanging))
    return "\n\n".join(paragraphs)


def find_methods(declarations):
    names = [name for name in METHOD.findall(declarations) if not name.startswith("itk")]
    for pattern, forms in MACROS:
        names += [form.format(variable) for variable in pattern.findall(declarations) for form in forms]
    return names


def read_class(header, class_name):
    """Docstring of the class, and of its public methods by name."""
    text = pathlib.Path(header).read_text(encoding="utf-8")
    start = re.search(r"/\*\* \\class " + class_name + r"\n", text)
    if not start:
        sys.exit(f"{header} has no comment of a class {class_name}")
    text = re.split(r"\n(?:protected|private):", text[start.start() :])[0]
    comments = list(COMMENT.finditer(text))
    methods = {}
    group = ""
    for comment, following in zip(comments[1:], comments[2:] + [None]):
        declarations, closing, rest = text[comment.end() : following.start() if following else len(text)].partition("/**@}*/")
        words = clean(comment.group(1))
        if r"\name" in comment.group(1):
            group = words
            add(methods, words, declarations)
        else:
            own, *others = re.split(r"\n\s*\n", declarations, maxsplit=1)
            add(methods, words, own)
            if group and others:
                add(methods, group, others[0])
        if closing:
            group = ""
    return clean(comments[0].group(1)), methods


def add(methods, words, declarations):
    for name in find_methods(declarations):
        if words not in methods.setdefault(name, []):
            methods[name].append(words)


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    header, class_name, *names = sys.argv[1:]
    description, methods = read_class(header, class_name)
    sys.stdout.reconfigure(encoding="utf-8")
    for name in names:
        print(f'%feature("docstring") {name} {quote(description)};')
        for method, words in methods.items():
            text = "\n\n".join(words)
            print(f'%feature("docstring") {name}::{method} {quote(text)};')


if __name__ == "__main__":
    main()
