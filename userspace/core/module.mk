MODULES += core
core_DIR := userspace/core
core_DEPS :=
core_PKGS := liburcu-qsbr
core_LIBS := -lurcu-common -pthread
