# SPDX-License-Identifier: AGPL-3.0-or-later
# Writes OUT, a C file with the text of every migration: cmake -DDIR=sql -DOUT=x.c -P embed_sql.cmake
# A file NNN_name.pg.sql stands in for NNN_name.sql with PostgreSQL.
file(GLOB files ${DIR}/*.sql)
list(SORT files)
set(text "/* Generated from sql/: do not edit. */\n#include \"store/schema.h\"\n\n")
set(rows "")
foreach(file ${files})
  get_filename_component(name ${file} NAME)
  string(MAKE_C_IDENTIFIER ${name} id)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
  string(APPEND text "static const char ${id}[] = {\n${bytes}0\n};\n\n")
  string(APPEND rows "\t{ \"${name}\", ${id}, sizeof(${id}) - 1 },\n")
endforeach()
string(APPEND text "const struct migration migrations[] = {\n${rows}\t{ 0, 0, 0 },\n};\n")
file(WRITE ${OUT} "${text}")
