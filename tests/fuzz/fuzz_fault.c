#include "fuzz_target.h"
#include <stdio.h>
#include <stdlib.h>

void fuzz_fault(const char *what)
{
	fprintf(stderr, "fault: does not hold: %s\n", what);
	abort();
}
