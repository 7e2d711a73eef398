#include "app_args.h"
#include <stdio.h>
#include <unistd.h>

int app_args_parse(int argc, char **argv, struct app_args *args)
{
	int option;

	while ((option = getopt(argc, argv, "c:i:l:o:")) != -1) {
		if (option == 'c')
			args->site_file = optarg;
		else if (option == 'i')
			args->instance = optarg;
		else if (option == 'l' && args->listen_count < APP_ARGS_MAX)
			args->listens[args->listen_count++] = optarg;
		else if (option == 'o' && args->setting_count < APP_ARGS_MAX)
			args->settings[args->setting_count++] = optarg;
		else
			return 2;
	}
	if (optind == argc && (args->listen_count > 0 || args->site_file != NULL))
		return 0;
	fprintf(stderr, "usage: %s [-i INSTANCE] [-c SITE] -l IF,ADDR:PORT [-o PATH=VALUE]...\n",
	        argv[0]);
	return 2;
}

void app_args_ready(void *ctx)
{
	(void)ctx;
	puts("ready");
	fflush(stdout);
}
