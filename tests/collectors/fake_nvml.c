/* fake_nvml.c - stands in for libnvidia-ml.so.1 where there is no card. Built three times: as it is on a Volta or later card, with
 * FAKE_NVML_JETSON (everything "not supported"), and with FAKE_NVML_OLD (no function for energy). The test sets what it answers. */
#include <stddef.h>

unsigned long long fake_nvml_mj;
unsigned fake_nvml_mw;
int fake_nvml_init_error, fake_nvml_n_started, fake_nvml_n_cards = 2, fake_nvml_query_error;

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetCount_v2(unsigned *n);
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **card);
int nvmlDeviceGetPowerUsage(void *card, unsigned *mw);
const char *nvmlErrorString(int rc);

#ifdef FAKE_NVML_JETSON
#define ANSWER 3 /* NVML_ERROR_NOT_SUPPORTED */
#else
#define ANSWER fake_nvml_query_error
#endif

int nvmlInit_v2(void)
{
    fake_nvml_n_started += fake_nvml_init_error == 0;
    return fake_nvml_init_error;
}

int nvmlShutdown(void)
{
    fake_nvml_n_started--;
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned *n)
{
    *n = (unsigned)fake_nvml_n_cards;
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **card)
{
    static char cards[2];
    *card = &cards[i];
    return 0;
}

int nvmlDeviceGetPowerUsage(void *card, unsigned *mw)
{
    (void)card;
    *mw = fake_nvml_mw;
    return ANSWER;
}

#ifndef FAKE_NVML_OLD
int nvmlDeviceGetTotalEnergyConsumption(void *card, unsigned long long *mj);
int nvmlDeviceGetTotalEnergyConsumption(void *card, unsigned long long *mj)
{
    (void)card;
    *mj = fake_nvml_mj;
    return ANSWER;
}
#endif

const char *nvmlErrorString(int rc)
{
    return rc == 3 ? "Not Supported" : rc == 9 ? "Driver Not Loaded" : "Unknown Error";
}
