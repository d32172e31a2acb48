"""Tables that people send, CSV files and Excel workbooks, read row by row. What a file says it is is not believed."""
