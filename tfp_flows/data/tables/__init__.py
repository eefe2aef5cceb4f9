"""Tables as people have them: text, Parquet and data frames -> numbers, labels and contexts, and back.

    text.py      bytes -> blocks of text and the numbers of their lines
    dialect.py   the delimiter, the decimal sign and the thousands separator, found or given
    heading.py   titles, units, and where the table begins
    reading.py   a file or frame as batches of columns, of text or typed, each row with its line
    values.py    a column -> numbers: reals, integers, booleans, dates; what is missing and what is wrong
    roles.py     which columns are events, labels, contexts
    schema.py    what is known of the columns, kept with a run; samples -> a table like the data
    arguments.py  titles as names of arguments, which a served signature takes
    load.py      all of it together

Read by pyarrow, which is imported when a table is.
"""
